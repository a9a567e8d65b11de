"""What a login may not do."""

import psycopg


def refused(url: str, sql: str) -> bool:
    """Whether whoever connects there may not do this; anything else that goes wrong is raised."""
    with psycopg.connect(url) as connection:
        try:
            connection.execute(sql.encode())
        except psycopg.errors.InsufficientPrivilege:
            return True
        finally:
            connection.rollback()
    return False
