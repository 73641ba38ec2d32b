"""The service: a page to paste a text into, and an interface for programs.

The modules, from the bottom up: settings (its limits), metrics (what it counts), batcher (one
pipeline for all connections), questions (what is asked for), answers (records as JSON or files),
replies (errors), card and pipeline (what answers), description (for OpenAPI), pages (what a browser
opens), app (all addresses), gate (limits of requests), watch (headers, counts, errors), limited
(these around the app), workers and run (processes).
"""
