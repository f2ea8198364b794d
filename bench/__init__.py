"""Measures the partners' door against bare services: ``make bench``. Ratios, all from one run.

``reads`` TicketGet, ``writes`` OpCreate and TicketModify, ``lists`` TicketGetList and paging,
``soak`` a mixed load for minutes. ``bare``, ``raw`` and ``node/`` are what it is compared with.
Nothing of the product imports this.
"""
