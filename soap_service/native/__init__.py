"""The native service LHCOPN: what the GGUS contract cannot say about a network, typed.

``models`` are its messages, from which Spyne generates the WSDL (``service``); ``reading`` refuses
what the WSDL does not allow; the operations are in files by noun.
"""
