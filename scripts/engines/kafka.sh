#!/usr/bin/env bash
# Installs a real Apache Kafka (KRaft, one node) into .engines/kafka-VERSION/libs; safe to run again.
#   scripts/engines/kafka.sh        needs a JDK 17 and Maven; exits 3 and prints the reason if it cannot
set -euo pipefail
cd "$(dirname "$0")/../.."

VERSION=4.1.0
target=$PWD/.engines/kafka-$VERSION

say() { printf '%s\n' "engines: Apache Kafka $VERSION: $*" >&2; }

java=$(command -v java || true)
[ -n "$java" ] || { say "not to be had: there is no java (apt install openjdk-17-jre-headless)"; exit 3; }
major=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -1)
[ "${major:-0}" -ge 17 ] || { say "not to be had: it needs Java 17, this is ${major:-unknown}"; exit 3; }
if [ -f "$target/ready" ]; then echo "$target/libs"; exit 0; fi
command -v mvn >/dev/null || { say "not to be had: there is no mvn (apt install maven)"; exit 3; }

rm -rf "$target"
mkdir -p "$target"
cat > "$target/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tidemark</groupId><artifactId>engines</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$VERSION</version>
    </dependency>
  </dependencies>
</project>
POM
say "fetching its jars from Maven Central"
if ! timeout 300 mvn -q -B -f "$target/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$target/libs" >"$target/mvn.log" 2>&1; then
  say "not to be had: $(grep -m1 ERROR "$target/mvn.log" || echo "Maven did not answer within 300 s")"
  exit 3
fi
touch "$target/ready"
echo "$target/libs"
