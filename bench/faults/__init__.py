"""``make prove-faults``: what the portal's servers, workers and database do when parts of them are
killed, full or wrong, and whether anything acknowledged is lost.

``site`` is the portal as the guide installs it, ``clients`` are partners that write, ``health``
asks what the portal says of itself, ``checker`` repeats what was acknowledged, and ``scenarios``
are the faults.
"""
