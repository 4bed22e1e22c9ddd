"""The protocol: `protocol.yaml` as values, with every mistake in it reported at once.

model    what the file may say: what is collected, and the whole
plan     what is compared: endpoints, estimands, analyses
section  what every part of it has in common
load     the file -> Protocol
mistakes data -> model: every mistake of form, in our words
check    references between its sections: check_collection (what is collected), check_plan, check_meaning
known    the names that stand in the file, built or not
scores   the numbers that its forms yield
schema   its JSON Schema
"""
