"""What takes room and is needed no more: `turnwise clean`. Whatever is not sure stays, with the reason.

found      one thing that can be removed, or stays; what it takes
runs       folders of old runs and evaluations
sandboxes  what dead processes left of boxes, and images that were unpacked for them
"""
