"""Measures the partners' door against bare services: ``make bench``. Ratios, all from one run.

``reads`` TicketGet, ``writes`` OpCreate and TicketModify, ``lists`` TicketGetList and paging,
``bare``, ``raw`` and ``node/`` are what it is compared with; ``mix`` is the load of many kinds.
``registry`` the pages of a large registry, and its import. Nothing of the product imports this.
"""
