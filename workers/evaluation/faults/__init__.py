"""Certificates with a fault planted in them, on a real model: whoever trusts an attack must see it find these.

planted: the faults, made around the library. Nothing in the product can switch one on. task: the task kind
"planted faults", which attacks them as every other certificate.
"""
