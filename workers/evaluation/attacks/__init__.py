"""Attacks on certificates, and what they are proven to have done: rows for the table of falsification.

Each module imports only from modules before it:

ball: the l2 ball, rounded inward. ascent: projected gradient ascent, and gradients by differences and by scores.
target: the prompt that is attacked, its outputs under any attack, and how strong an attack looks. gradients: gradients
through the generator. directions: the named attacks. claims, compared: what a certificate says, and lower bounds on
what an attack did. rewordings, token_neighbours, passages: attacks that write other texts. settings, certified, task:
the task kind "attacks".

docs/evaluation/attacks.md says what each attack is and what it cannot show.
"""
