"""The SOAP door: the GGUS ticket exchange contract over Spyne, behind a guard.

``application.mount`` puts it beside the portal. ``fields`` is the contract as one table, ``wsdl``
and ``types`` are made from it; ``guard`` and ``envelope`` refuse what is not allowed before Spyne
sees it; ``tickets`` and ``history`` are the operations.
"""
