"""Brokers in the cluster, which keep all in memory, and pods that publish to them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.e2e.cluster import Object
from tests.e2e.objects import pod, server

REGION = "eu-west-1"
KEYS = {"aws_access_key_id": "emulator", "aws_secret_access_key": "emulator"}
PARTITIONS = 3


def nats(image: str) -> Iterator[Object]:
    """Return a server of NATS with JetStream."""
    return server("nats", image, 4222, ("--jetstream", "--store_dir", "/tmp/nats"))


def kafka(image: str, namespace: str) -> Iterator[Object]:
    """Return a broker of Kafka that is its own controller."""
    environment = {
        "CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qg",
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://kafka.{namespace}.svc:9092",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_LOG_DIRS": "/tmp/kafka",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    deployment, service = server("kafka", image, 9092, env=environment)
    # The image writes its settings beside its programs.
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["securityContext"]["readOnlyRootFilesystem"] = False
    yield from (deployment, service)


def kinesis(image: str) -> Iterator[Object]:
    """Return the emulator, with the stream of the example."""
    environment = {
        "KINESIS_MOCK_PLAIN_PORT": "4568",
        "INITIALIZE_STREAMS": f"orders:2:{REGION}",
        "LOG_LEVEL": "WARN",
    }
    yield from server("kinesis", image, 4568, env=environment)


def publisher(broker: str, image: str, count: int) -> Object:
    """Return a pod that publishes so many numbers to `orders`, a hundred a second, and ends when
    the broker has all of them; `image` is ours, since it has the clients."""
    script = {"kafka": _KAFKA, "kinesis": _KINESIS}[broker]
    return pod("publisher", image, ["python", "-c", script, str(count)])


_KAFKA = f"""
import asyncio, sys
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

async def main(count):
    admin = AIOKafkaAdminClient(bootstrap_servers="kafka:9092")
    await admin.start()
    await admin.create_topics([NewTopic("orders", {PARTITIONS}, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers="kafka:9092", acks="all") as producer:
        sent = []
        for number in range(count):
            key = str(number % 7).encode()
            sent.append(await producer.send("orders", str(number).encode(), key=key))
            await asyncio.sleep(0.01)
        await asyncio.gather(*sent)

asyncio.run(main(int(sys.argv[1])))
"""

_KINESIS = f"""
import asyncio, sys
from aiobotocore.session import AioSession

async def main(count):
    client = AioSession().create_client(
        "kinesis", region_name={REGION!r}, endpoint_url="http://kinesis:4568", **{KEYS!r}
    )
    async with client as stream:
        for first in range(0, count, 7):
            # One of each key: the records of one call have no order.
            numbers = range(first, min(first + 7, count))
            records = [dict(PartitionKey=str(n % 7), Data=str(n)) for n in numbers]
            answer = await stream.put_records(StreamName="orders", Records=records)
            assert not answer["FailedRecordCount"], answer
            await asyncio.sleep(0.07)

asyncio.run(main(int(sys.argv[1])))
"""
