"""Manifests of the shapes that Kubeless documented, for the tests of this folder."""

from __future__ import annotations

FUNCTION = """
apiVersion: kubeless.io/v1beta1
kind: Function
metadata:
  name: get-python
  namespace: default
  labels: {created-by: kubeless, function: get-python}
spec:
  runtime: python3.8
  handler: helloget.foo
  timeout: "180"
  deps: ""
  checksum: sha256:d251999dcbfdeccec385606fd0aec385b214cfc74ede8b6c9e47af71728f6e9a
  function-content-type: text
  function: |
    def foo(event, context):
        return "hello world"
"""

FUNCTION_WITH_OVERRIDES = """
apiVersion: kubeless.io/v1beta1
kind: Function
metadata:
  name: get-node
  annotations: {team: a}
  finalizers: [kubeless.io/function]
  selfLink: /apis/kubeless.io/v1beta1/namespaces/default/functions/get-node
  creationTimestamp: 2019-01-01T00:00:00Z
spec:
  handler: handler.foo
  runtime: nodejs14
  timeout: 60
  deps:
  function-content-type: base64+zip
  function: UEsDBAo=
  deployment:
    metadata: {annotations: {a: b}}
    spec:
      replicas: 2
      template:
        spec:
          nodeSelector: {disk: ssd}
          containers:
          - env:
            - {name: FOO, value: bar}
            - {name: KEY, valueFrom: {secretKeyRef: {name: s, key: k}}}
            resources: {limits: {memory: 128Mi, cpu: 100m}, requests: {memory: 64Mi}}
            volumeMounts: [{name: s-vol, mountPath: /s}]
          volumes: [{name: s-vol, secret: {secretName: s}}]
  service:
    type: ClusterIP
    ports: [{name: http-function-port, port: 80, targetPort: 9090, protocol: TCP}]
    selector: {function: get-node}
  horizontalPodAutoscaler:
    apiVersion: autoscaling/v2beta1
    kind: HorizontalPodAutoscaler
    metadata: {name: get-node, namespace: default}
    spec:
      scaleTargetRef: {apiVersion: apps/v1beta1, kind: Deployment, name: get-node}
      minReplicas: 1
      maxReplicas: 3
      metrics:
      - type: Resource
        resource: {name: cpu, targetAverageUtilization: 70}
"""

CUSTOM_IMAGE = """
apiVersion: kubeless.io/v1beta1
kind: Function
metadata: {name: own-image}
spec:
  deployment: {spec: {template: {spec: {containers: [{image: example/own:1}]}}}}
"""

FUNCTION_WITH_EVERY_FIELD = """
apiVersion: kubeless.io/v1beta1
kind: Function
metadata:
  creationTimestamp: null
  name: zero
  labels: {created-by: kubeless, function: zero}
spec:
  checksum: ""
  deployment:
    metadata: {creationTimestamp: null}
    spec:
      selector: null
      strategy: {}
      template:
        metadata: {creationTimestamp: null}
        spec: {containers: [{name: "", resources: {}}]}
    status: {}
  deps: ""
  function: "def a(event, context): pass"
  function-content-type: ""
  handler: a.a
  horizontalPodAutoscaler:
    metadata: {creationTimestamp: null}
    spec: {maxReplicas: 0, scaleTargetRef: {kind: "", name: ""}}
    status: {conditions: null, currentMetrics: null, currentReplicas: 0, desiredReplicas: 0}
  runtime: python3.7
  service: {}
  timeout: ""
"""

HTTP_TRIGGER_WITH_EVERY_FIELD = """
apiVersion: kubeless.io/v1beta1
kind: HTTPTrigger
metadata: {name: zero, creationTimestamp: null}
spec:
  basic-auth-secret: ""
  cors-enable: false
  function-name: get-python
  gateway: ""
  host-name: ""
  path: ""
  tls: false
  tls-secret: ""
"""

CRONJOB_TRIGGER_WITH_EVERY_FIELD = """
apiVersion: kubeless.io/v1beta1
kind: CronJobTrigger
metadata: {name: zero, creationTimestamp: null}
spec:
  function-name: get-python
  payload: null
  schedule: "@hourly"
"""

KINESIS_TRIGGER_WITH_EVERY_FIELD = """
apiVersion: kubeless.io/v1beta1
kind: KinesisTrigger
metadata: {name: zero, creationTimestamp: null}
spec:
  aws-region: us-west-2
  endpoint: ""
  function-name: get-python
  secret: ec2
  shard: shardId-000000000000
  stream: KubelessDemo
"""

HTTP_TRIGGER = """
apiVersion: kubeless.io/v1beta1
kind: HTTPTrigger
metadata: {name: get-python, annotations: {kubernetes.io/ingress.class: nginx}}
spec:
  function-name: get-python
  host-name: get-python.192.168.99.100.nip.io
  path: get-python/v1
  tls: false
  tls-secret: web-certificate
  basic-auth-secret: basic-auth
  gateway: nginx
  cors-enable: true
"""

CRONJOB_TRIGGER = """
apiVersion: kubeless.io/v1beta1
kind: CronJobTrigger
metadata: {name: scheduled-get-python, labels: {created-by: kubeless}}
spec:
  function-name: get-python
  schedule: "*/5 * * * *"
  payload: {hello: [1, null, "w\\u00f6rld"]}
"""

KAFKA_TRIGGER = """
apiVersion: kubeless.io/v1beta1
kind: KafkaTrigger
metadata: {name: s3-python-kafka-trigger, labels: {created-by: kubeless}}
spec:
  topic: s3-python
  functionSelector:
    matchLabels: {created-by: kubeless, function: get-python, topic: s3-python}
"""

NATS_TRIGGER = """
apiVersion: kubeless.io/v1beta1
kind: NATSTrigger
metadata: {name: nats-trigger}
spec:
  topic: test.*
  functionSelector:
    matchLabels: {created-by: kubeless, function: get-python}
"""

KINESIS_TRIGGER = """
apiVersion: kubeless.io/v1beta1
kind: KinesisTrigger
metadata: {name: kinesis-trigger}
spec:
  function-name: get-python
  aws-region: us-west-2
  secret: ec2
  shard: shardId-000000000000
  stream: KubelessDemo
  endpoint: http://kinesis.default.svc.cluster.local:4567
"""

EVERY_SHAPE = (
    FUNCTION,
    FUNCTION_WITH_OVERRIDES,
    CUSTOM_IMAGE,
    HTTP_TRIGGER,
    CRONJOB_TRIGGER,
    KAFKA_TRIGGER,
    NATS_TRIGGER,
    KINESIS_TRIGGER,
    FUNCTION_WITH_EVERY_FIELD,
    HTTP_TRIGGER_WITH_EVERY_FIELD,
    CRONJOB_TRIGGER_WITH_EVERY_FIELD,
    KINESIS_TRIGGER_WITH_EVERY_FIELD,
)
"""What Kubeless's types wrote: they left out nothing that was empty."""


def trigger(kind: str, spec: str, name: str = "t") -> str:
    """Write a small object of `kind`, whose spec is a flow mapping."""
    return (
        f"apiVersion: kubeless.io/v1beta1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
