#!/usr/bin/env bash
# Makes every secret that deploy/compose.yaml names, once; what is there already stays.
#   deploy/secrets.sh DIR        needs openssl; DIR is 0700, keep a copy of it off this host
set -euo pipefail
umask 077
dir=${1:?the directory to put them in}
mkdir -p "$dir"
chmod 700 "$dir"
cd "$dir"

word() { openssl rand -hex 24; }
put() { if [ ! -e "$1" ]; then cat > "$1.new" && mv "$1.new" "$1"; else cat > /dev/null; fi; }

# An owner's URL as another login's: as LOGIN FILE
as() { sed -E "s#^([a-z]+://)([^@/]*@)?#\\1tidemark_$1:$(cat "$1_password")@#" "$2"; }

word | put postgres_password                          # the owners'
word | put clickhouse_password
for login in api worker relay reader analyst; do word | put "${login}_password"; done
word | put redis_password
word | put eventstore_password

openssl rand 32 | put master.key                      # wraps every client's data key
if [ ! -e checkpoint.key ]; then                       # signs the log's checkpoints (Ed25519)
  openssl genpkey -algorithm ed25519 -outform DER -out checkpoint.der
  openssl pkey -inform DER -in checkpoint.der -pubout -out checkpoint.pub
  tail -c 32 checkpoint.der | put checkpoint.key
  rm checkpoint.der
fi

if [ ! -e esdb-cert.pem ]; then                        # the log's own authority and its node
  openssl req -x509 -newkey rsa:3072 -nodes -days 1825 -subj /CN=tidemark-esdb-ca \
    -keyout esdb-ca.key -out esdb-ca.pem 2> /dev/null
  openssl req -newkey rsa:3072 -nodes -subj /CN=eventstore -keyout esdb-key.pem -out esdb.csr 2> /dev/null
  printf '%s\n' 'subjectAltName=DNS:eventstore,DNS:localhost,IP:127.0.0.1' \
    'extendedKeyUsage=serverAuth,clientAuth' > esdb.ext
  openssl x509 -req -in esdb.csr -CA esdb-ca.pem -CAkey esdb-ca.key -CAcreateserial -days 825 \
    -extfile esdb.ext -out esdb-cert.pem 2> /dev/null
  rm esdb.csr esdb.ext
fi

printf 'EVENTSTORE_DEFAULT_ADMIN_PASSWORD=%s\nEVENTSTORE_DEFAULT_OPS_PASSWORD=%s\n' \
  "$(cat eventstore_password)" "$(word)" | put eventstore.env
put redis.conf <<CONF
bind * -::*
requirepass $(cat redis_password)
save ""
appendonly no
maxmemory 384mb
maxmemory-policy allkeys-lru
CONF

hash=$(tr -d '\n' < analyst_password | openssl dgst -sha256 -r | cut -d' ' -f1)
put clickhouse_analyst.xml <<XML
<clickhouse><users><tidemark_analyst>
  <password_sha256_hex>$hash</password_sha256_hex>
</tidemark_analyst></users></clickhouse>
XML

esdb="esdb://admin:$(cat eventstore_password)@eventstore:2113?Tls=true&TlsCaFile=/run/secrets/esdb_ca.pem"
printf '%s' "$esdb" | put tidemark_log
printf 'postgresql://tidemark:%s@postgres:5432/tidemark' "$(cat postgres_password)" | put tidemark_database
printf 'clickhouse://tidemark:%s@clickhouse:8123/tidemark' "$(cat clickhouse_password)" | put tidemark_warehouse
printf 'redis://:%s@redis:6379/0' "$(cat redis_password)" | put tidemark_cache
for login in api worker relay; do as $login tidemark_database | put "${login}_database"; done
as reader tidemark_database | put tidemark_read_database
as analyst tidemark_warehouse | put tidemark_read_warehouse

# Files are mounted as they are: the containers' users must be able to read them. DIR keeps others out.
chmod 444 -- *
chmod 400 esdb-ca.key
