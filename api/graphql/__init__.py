"""Reads over GraphQL: types over the views' rows, loaded a level at a time, now or as of then."""
