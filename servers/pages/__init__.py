"""Pages that one person looks at on this machine: what all of them share.

guard.py    who may look: the names of loopback, the address that was printed, headers of every answer
writing.py  templates that escape by themselves, and what makes a text of anybody's harmless and short
sending.py  a page as an answer, and style, script and icon
forms.py    what a form of them sends
serving.py  an application of pages on loopback until Ctrl-C
live.py     a live server: the sessions of a key, and episodes played by hand
playing.py  one of these: begun here, taken over from a policy, or played by the expert
templates/  the frame around every page, and a page that says what is wrong
assets/     one style sheet, one script of ours
"""
