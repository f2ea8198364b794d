"""The SOAP door: the GGUS ticket exchange contract and the native service, behind a guard.

``application.mount`` mounts it next to the portal; ``services`` lists what it serves. ``guard`` and
``envelope`` refuse what is not allowed before Spyne sees it. ``fields`` is the GGUS contract as one
table, ``wsdl`` and ``types`` are made from it, its operations are in files by noun. ``native`` is
the service LHCOPN.
"""
