-- The analysts' user on a ClickHouse server: reads the views, nothing else, within bounds.
-- As an administrator, once the loader has made its tables; the password comes as a parameter:
--   clickhouse-client --param_password="$PASSWORD" --queries-file analyst.sql
-- Where the server's files are ours, as in deploy/compose.yaml, analyst.xml says the same.
-- readonly = 2: a client may lower its limits (tidemark does), and set or write nothing else.
-- MIN 1: 0 would mean without a bound.
CREATE SETTINGS PROFILE IF NOT EXISTS tidemark_analyst SETTINGS
    readonly = 2,
    max_result_rows = 100000 MIN 1 MAX 100000,
    max_result_bytes = 268435456 MIN 1 MAX 268435456,
    max_execution_time = 60 MIN 1 MAX 60,
    max_memory_usage = 2147483648 MIN 1 MAX 2147483648,
    max_threads = 2 MAX 2,
    result_overflow_mode = 'throw' CONST,
    timeout_overflow_mode = 'throw' CONST,
    do_not_merge_across_partitions_select_final = 1;

CREATE QUOTA IF NOT EXISTS tidemark_analyst
    FOR INTERVAL 1 hour MAX queries = 5000, execution_time = 3600;

CREATE USER IF NOT EXISTS tidemark_analyst
    IDENTIFIED WITH sha256_password BY {password:String}
    SETTINGS PROFILE 'tidemark_analyst';

ALTER QUOTA tidemark_analyst TO tidemark_analyst;

-- The views read the raw tables with FINAL as whoever asks: both are granted, `ranges` is not.
GRANT SELECT ON tidemark.events TO tidemark_analyst;
GRANT SELECT ON tidemark.events_raw TO tidemark_analyst;
GRANT SELECT ON tidemark.postings TO tidemark_analyst;
GRANT SELECT ON tidemark.postings_raw TO tidemark_analyst;
GRANT SELECT ON tidemark.fills TO tidemark_analyst;
GRANT SELECT ON tidemark.fills_raw TO tidemark_analyst;
GRANT SELECT ON tidemark.executions TO tidemark_analyst;
GRANT SELECT ON tidemark.prices TO tidemark_analyst;
GRANT SELECT ON tidemark.prices_raw TO tidemark_analyst;
GRANT SELECT ON tidemark.rates TO tidemark_analyst;
GRANT SELECT ON tidemark.rates_raw TO tidemark_analyst;
