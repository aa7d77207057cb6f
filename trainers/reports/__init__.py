"""What a run came to, for people.

report.py       report.md: what was trained, what it reached, how the agent plays
transcripts.py  example episodes, whose text stays text
lost.py         why stored episodes were lost, at the beginning and at the end
throughput.py   its words on where the time went, and what held the run up
resumed.py      its words on episodes that were played on after a kill
curves.py       curves.png: success, signal, policy and time
export.py       a trained model as a folder that other tools read; card.py says what it is
conversations.py  stored episodes as chats to learn from, and as rows
suite/          agents times environments: a page, a picture of every task, exports
microscope/     several credit methods on the same stored trajectories, turn by turn
truth/          credit methods against true advantages
"""
