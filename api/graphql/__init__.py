"""Reads over GraphQL: types over the views' rows, loaded level by level, now or as of a moment."""
