"""The platform under faults, deterministically: one seed, one run, one schedule of what goes wrong.

The product's own background tasks (`Drive.run`, as `serve` runs them) work on a memory platform in
virtual time. Between them and everything that is not this process (the log's store, the sagas'
and the views' stores, the street, the clock, other processes) stands a layer that does harm as
the seed says. What may never break is in `simulation.faults.laws`.
"""
