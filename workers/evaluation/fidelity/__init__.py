"""How good outputs are, and how far they moved: measures of fidelity. None of them is a certificate.

Each room imports only from rooms before it:

frechet, transport: distances between two clouds of features. shares: binomial shares. perplexity, bleu: texts.
inception, clip: published encoders, where an operator has their files. drawn: the outputs of a setting and the plain
ones beside them. pictures, texts: the rows of each kind of output. task: a study's task of kind "fidelity".
"""
