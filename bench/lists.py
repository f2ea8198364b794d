from bench.places import Place


def measure(place: Place) -> None: ...
