"""The platform under faults, deterministically: one seed, one run, one schedule of faults.

The product's own background tasks (`Drive.run`, as `serve` runs them) work on a memory platform in
virtual time. A layer between them and everything outside the process (the log's store, the sagas'
and the views' stores, the street, the clock, other processes) injects the faults of the seed.
`simulation.faults.laws` has the laws that may never break.
"""
