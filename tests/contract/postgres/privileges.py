"""Checks that a login lacks a privilege."""

import psycopg


def refused(url: str, sql: str) -> bool:
    """Whether this login may not run the statement; any other error is raised."""
    with psycopg.connect(url) as connection:
        try:
            connection.execute(sql.encode())
        except psycopg.errors.InsufficientPrivilege:
            return True
        finally:
            connection.rollback()
    return False
