#!/bin/sh
exec /opt/kafka/bin/start org.apache.kafka.tools.TopicCommand "$@"
