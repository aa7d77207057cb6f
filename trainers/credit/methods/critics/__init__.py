"""Credit by value heads that learn beside the policy, one file each.

Of turns    turn_ppo, hae, archer
Of tokens   poad, td0, bilevel_gae, oreo
Of episodes alol
Of both     vetta
"""
