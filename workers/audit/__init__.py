"""`smoothgen audit`: samples of a certificate, run again on the weights it names, and compared with what it states.

`job` writes the job that a certificate is of, `runs` its samples, `rerun` runs and measures some of them, `comparison`
says which differ.
"""
