"""``make prove-guide``: ``deploy/README.md``, followed on machines with a bare Debian 13."""
