#!/usr/bin/env bash
# kafka.sh install | start | stop | kill9 | reset | status
#
# One-node Apache Kafka (KRaft) from Maven Central's jars, for development and tests; needs Java 17 and, once, Maven.
#   KAFKA_DEV_DIR         jars and, unless told otherwise, data; default .ferry/kafka of the repository
#   KAFKA_DATA_DIR        data, configuration, log and pid of this broker; default $KAFKA_DEV_DIR/<port>
#   KAFKA_PORT            default 9092
#   KAFKA_CONTROLLER_PORT default KAFKA_PORT + 1
#   KAFKA_VERSION         default 4.4.0
#   KAFKA_HEAP            default 256m
#   KAFKA_EXTRA_CONF      more lines for server.properties
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
VERSION=${KAFKA_VERSION:-4.4.0}
DEV=${KAFKA_DEV_DIR:-$HERE/../.ferry/kafka}
LIBS=$DEV/libs-$VERSION
PORT=${KAFKA_PORT:-9092}
CONTROLLER_PORT=${KAFKA_CONTROLLER_PORT:-$((PORT + 1))}
HEAP=${KAFKA_HEAP:-256m}
STATE=${KAFKA_DATA_DIR:-$DEV/$PORT}
CONF=$STATE/server.properties LOG=$STATE/kafka.log PID=$STATE/kafka.pid

need() { command -v "$1" > /dev/null || { echo "kafka.sh: $1 is not installed; npm run setup:test installs it" >&2; exit 3; }; }

install() {
  [ -f "$LIBS/.complete" ] && return
  need mvn
  mkdir -p "$DEV"
  sed "s/@KAFKA_VERSION@/$VERSION/" "$HERE/kafka/pom.xml.in" > "$DEV/pom.xml"
  rm -rf "$LIBS.tmp" "$LIBS"
  mvn -q -B -f "$DEV/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$(realpath -m "$LIBS.tmp")"
  mv "$LIBS.tmp" "$LIBS"
  touch "$LIBS/.complete"
}

configure() {
  mkdir -p "$STATE"
  # The two broker.*.ms settings let a broker that was killed come back in 4 s: by default the controller holds its registration for 9 s.
  cat > "$CONF" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$CONTROLLER_PORT
listeners=PLAINTEXT://127.0.0.1:$PORT,CONTROLLER://127.0.0.1:$CONTROLLER_PORT
advertised.listeners=PLAINTEXT://127.0.0.1:$PORT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$STATE/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=8388608
${KAFKA_EXTRA_CONF:-}
PROPERTIES
  cat > "$STATE/log4j2.properties" <<'PROPERTIES'
rootLogger.level=WARN
rootLogger.appenderRef.c.ref=C
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d %p %c{1} %m%n
PROPERTIES
}

is_up() { (exec 3<> "/dev/tcp/127.0.0.1/$PORT") 2> /dev/null; }
gone() { while kill -0 "$1" 2> /dev/null; do sleep 0.05; done; rm -f "$PID"; }
end_with() { local pid; [ -f "$PID" ] || return 0; pid=$(cat "$PID"); kill "-$1" "$pid" 2> /dev/null || true; gone "$pid"; }

start() {
  need java
  install
  if is_up; then echo "kafka.sh: port $PORT is taken" >&2; exit 1; fi
  configure
  local quick="-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData"
  [ -f "$STATE/data/meta.properties" ] ||
    java -Xmx64m $quick -cp "$LIBS/*" "-Dlog4j2.configurationFile=$STATE/log4j2.properties" kafka.tools.StorageTool format -t 4L6g3nShT-eMCtK--X86sw -c "$CONF" > "$LOG" 2>&1 ||
    { tail -20 "$LOG" >&2; exit 1; }
  setsid nohup java "-Xms$HEAP" "-Xmx$HEAP" $quick -cp "$LIBS/*" "-Dlog4j2.configurationFile=$STATE/log4j2.properties" kafka.Kafka "$CONF" >> "$LOG" 2>&1 < /dev/null &
  local pid=$!
  echo "$pid" > "$PID"
  for _ in $(seq 600); do
    is_up && return
    kill -0 "$pid" 2> /dev/null || break
    sleep 0.1
  done
  tail -20 "$LOG" >&2
  exit 1
}

case "${1:-}" in
  install) install ;;
  start) start ;;
  status) is_up ;;
  stop) end_with TERM ;;
  kill9) end_with KILL ;;
  reset) end_with KILL; rm -rf "$STATE" ;;
  *) echo "usage: $0 install|start|stop|kill9|reset|status" >&2; exit 2 ;;
esac
