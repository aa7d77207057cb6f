"""The learner: from packed turns and their advantages to a policy update.

config.py      [optim] and [critic] of a recipe, without torch
update.py      Learner: a batch becomes optimizer steps
thread.py      the thread in which weights move, so that the event loop goes on
heap.py        memory that was freed, given back between an update's parts
group.py       the processes of a learner, and what each has of a batch
minibatch.py   the share of a batch that one step learns from
whole.py       the gradient of a loss that sees all of it at once
probe.py       a rehearsal: how far rounding moves a probability, and whether all can be computed
guards.py      what stops a step before it spoils the weights
meters.py      the log of an update
optimizer.py   optimizers, schedule, limit on the gradient; cloning steps with them too
copies.py      weights in float32, or on the CPU, that an optimizer moves in the model's stead
reference.py   the reference of a KL term, as a context
sequences.py   turns whose prompts continue each other are joined; the targets of the loss
forward.py     micro-batches, and the logprobs of what was sampled
sharing.py     turns that several leaves of a tree share
critic.py      value heads: their columns of the turn table, and how they learn
heads.py       which heads there are
states.py      the hidden states that they read
credit_memory.py  what credit remembers from batch to batch
"""
