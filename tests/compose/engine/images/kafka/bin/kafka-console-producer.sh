#!/bin/sh
exec /opt/kafka/bin/start kafka.tools.ConsoleProducer "$@"
