"""The worker's door: what the portal does by itself, beside the doors through which others ask.

It runs jobs (``jobs``), timed work (``timed``) and what follows the change log (``listeners``), in
a process of its own (``flask worker``); several at once are safe. Like every door it calls services
and commits; it knows neither the web nor any other door.

Whatever is registered here may be run twice: a worker that is killed leaves what it held to another
one. So each function is safe to repeat, by what it finds in the database or in the change log.
"""
