"""Measures the partners' door against bare services: ``make bench``. Ratios, all from one run.

``reads`` TicketGet, ``writes`` OpCreate and TicketModify, ``lists`` TicketGetList and paging,
``soak`` a mixed load for minutes; ``bare``, ``raw`` and ``node/`` are what it is compared with.
``registry`` the pages of a large registry, and its import. Nothing of the product imports this.
"""
