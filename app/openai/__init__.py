"""OpenAI's interface under /v1: the same jobs, asked and answered in the words that OpenAI's clients know.

certified: what of ours goes out beside OpenAI's fields. messages, requests: from OpenAI's requests to ours.
naming: errors of ours under the names that fields have there.
submitting: one job for the repeats that OpenAI's clients send. answers: from jobs to OpenAI's objects, whose types are
those of the package `openai`. unanswered: why a job has no answer. streaming: a chat completion as it goes. routes: the
paths.
"""
