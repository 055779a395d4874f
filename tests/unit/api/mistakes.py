"""Objects that are wrong, each in one way, and the sentence that tells of it."""

from __future__ import annotations

FEEDS = "functionSelector: {}"
CRON = "function-name: f, schedule: '@daily'"
DELIVERY_MISTAKES = {
    "retry: -2": "retry: -2 is not at least -1; write a value at least -1",
    "retry: often": 'retry: "often" is not a whole number; write a whole number, without quotes',
    "retries: 3": "retries: is not a known field; did you mean retry?",
    "jitter: 2": "jitter: 2 is not at most 1; write a value at most 1",
    "timeout: 0s": 'timeout: "0s" leaves no time; write a duration above 0, for example 30s',
    "maxAge: soon": 'maxAge: "soon" is not a duration; write for example 200ms, 1.5s, 2m, 1h30m, '
    "PT2S or a number of seconds",
    "backoffPolicy: expotential": 'backoffPolicy: "expotential" is not one of the values it takes; '
    "use exponential or linear (did you mean exponential?)",
    "backoffDelay: 2m, backoffMax: 1m": "backoffMax: is shorter than backoffDelay; "
    "make backoffMax at least backoffDelay",
    "retryOn: [connect, 200]": "retryOn[1]: 200 is no reason to try again; "
    "list connect, timeout, a status such as 503 or a class such as 5xx; 2xx is success",
    "retryOn: 503": "retryOn: 503 is not a list; write each item on a line of its own after a dash",
    "onExhausted: deadLetter": "onExhausted: deadLetter is not set; "
    "add deadLetter, for example deadLetter: {nats: orders.dead}",
    "onExhausted: drop, deadLetter: {nats: dead}": "onExhausted: leaves deadLetter unused; "
    "remove onExhausted, or remove deadLetter",
    "deadLetter: {}": "deadLetter: does not name one destination; "
    "set exactly one of kafka, nats, http, function or file",
    "deadLetter: {nats: a, kafka: b}": "deadLetter: does not name one destination; "
    "set exactly one of kafka, nats, http, function or file",
    "deadLetter: {nats: a.*}": 'deadLetter.nats: "a.*" has wildcards; '
    "write the one subject that dead letters go to",
    "deadLetter: {http: 'ftp://x'}": "deadLetter.http: is not an URL with the scheme http or "
    "https; write for example http://example.com:8080",
    "batch: {maxBytes: 1MB}": 'batch.maxBytes: "1MB" is not a size; '
    "write for example 512k, 1Mi or a number of bytes",
    "filter: [{}]": "filter[0]: is not one filter; "
    "give each list item one of exact, prefix, suffix, all, any or not",
    "filter: [{exakt: {type: a}}]": "filter[0]: is not one filter; "
    "give each list item one of exact, prefix, suffix, all, any or not (did you mean exact?)",
    "filter: [3]": "filter[0]: 3 is not a mapping; write its fields as name: value below it",
    "filter: [{not: 3}]": "filter[0].not: is not a filter; "
    "write for example exact: {type: order.created}",
    "filter: [{suffix: {type: ''}}]": "filter[0].suffix.type: is empty; "
    "write the text to compare with",
    "filter: [{sql: x}]": "filter[0]: is not one filter; "
    "give each list item one of exact, prefix, suffix, all, any or not",
    "deadLetter: {file: ''}": "deadLetter.file: is empty; write a text, or leave the field out",
    "retryOn: [], retry: 3": "retryOn: is empty, so that nothing is tried again; "
    "list what to try again, or set retry: 0",
    "batch: {maxEvents: 1.5}": "batch.maxEvents: 1.5 is not a whole number; "
    "write a whole number, without quotes",
    "filter: [{any: []}]": "filter[0].any: is empty; list at least one filter",
    "filter: [{not: {exact: {}}}]": "filter[0].not.exact: is empty; "
    "name at least one attribute, for example type: x",
    "filter: [{exact: {myType: a}}]": 'filter[0].exact.myType: "myType" is not an attribute name; '
    "use lower-case letters and digits alone, as CloudEvents does",
    "filter: [{prefix: {type: 1}}]": "filter[0].prefix.type: is not text; write it in quotes",
}

TRIGGER_MISTAKES = [
    ("HTTPTrigger", "{}", "spec.function-name: is missing; "
     "add it, for example function-name: hello"),
    ("HTTPTrigger", "{function-name: f, zzz: g}",
     "spec.zzz: is not a known field; remove it, or use function-name, host-name, tls, "
     "tls-secret, path, basic-auth-secret, gateway, cors-enable, methods, bodyLimit, via, "
     "gatewayRef, paused or delivery"),
    ("HTTPTrigger", "{function-name: f, host-name: a.b, tls: true, tls-secret: c}",
     "spec.tls-secret: excludes tls; "
     "keep tls for a certificate by ACME, or tls-secret for one of yours"),
    ("HTTPTrigger", "{function-name: f, tls: 'yes'}",
     'spec.tls: "yes" is not true or false; write true or false, without quotes'),
    ("HTTPTrigger", "{function-name: f, host-name: 'http://x'}",
     'spec.host-name: "http://x" is not a host name; write it without scheme, port and path, '
     "in lower case, for example api.example.com"),
    ("HTTPTrigger", "{function-name: f, path: 'a?b=c'}", "spec.path: is not a plain path; "
     "write a path such as orders/new; queries and sub-paths reach the function"),
    ("HTTPTrigger", "{function-name: f, methods: [post]}",
     'spec.methods[0]: "post" is not a method; '
     "write it in capital letters, for example GET"),
    ("HTTPTrigger", "{function-name: f, delivery: {batch: {}}}",
     "spec.delivery.batch: does not go with HTTP; "
     "remove it; each caller waits for an answer of its own"),
    ("HTTPTrigger", "{function-name: f, delivery: {deadLetter: {function: f}}}",
     'spec.delivery.deadLetter: is what this trigger itself feeds on; '
     "send dead letters to another place, or they come back as events"),
    ("HTTPTrigger", "{function-name: f, gateway: nginx, gatewayRef: {name: public}}",
     "spec.gatewayRef: does not go with gateway, tls, tls-secret, basic-auth-secret and "
     "cors-enable; remove them, since listeners and filters of the Gateway do that, or remove it"),
    ("HTTPTrigger", "{function-name: f, via: function, paused: true}",
     "spec.paused: cannot hold up calls that do not come to the gateway; "
     "remove it, or remove via: function"),
    ("HTTPTrigger", "{function-name: f, via: function, methods: [GET]}",
     "spec.methods: cannot be held by an Ingress that leads past the gateway; "
     "remove it, or remove via: function"),
    ("CronJobTrigger", f"{{{CRON}, mode: cronjob, delivery: {{deadLetter: {{nats: a}}}}}}",
     "spec.delivery.deadLetter: does not go with mode: cronjob, which keeps its last failed Job "
     "and no letters; remove it, or remove mode"),
    ("CronJobTrigger", f"{{{CRON}, mode: cronjob, missedRuns: all}}",
     "spec.missedRuns: does not go with mode: cronjob, which fires the latest only; "
     "write latest or skip, or remove mode"),
    ("CronJobTrigger", "{function-name: f}",
     'spec.schedule: is missing; add it, for example schedule: "*/5 * * * *"'),
    ("CronJobTrigger", f"{{{CRON}, concurrencyPolicy: forbid}}",
     'spec.concurrencyPolicy: "forbid" is not one of the values it takes; '
     "use Allow, Forbid or Replace (did you mean Forbid?)"),
    ("CronJobTrigger", f"{{{CRON}, startingDeadlineSeconds: -1}}",
     "spec.startingDeadlineSeconds: -1 is not at least 0; write a value at least 0"),
    ("CronJobTrigger", f"{{{CRON}, payload: .nan}}",
     'spec.payload: ".nan" is not a JSON number; write it in quotes'),
    ("KafkaTrigger", f"{{topic: a b, {FEEDS}}}", 'spec.topic: "a b" is not a Kafka topic name; '
     "use letters, digits, dots, dashes and underscores, at most 249"),
    ("KafkaTrigger", "{topic: a}", "spec.functionSelector: is missing; "
     "add it, for example functionSelector: {matchLabels: {function: hello}}"),
    ("KafkaTrigger", f"{{{FEEDS}}}", "spec: names no topic; add topic: orders, for example"),
    ("KafkaTrigger", f"{{topic: a, topicPattern: b, {FEEDS}}}",
     "spec.topicPattern: does not go with topics that are named; remove it, or remove the topics"),
    ("KafkaTrigger", f"{{topicPattern: 'a(', {FEEDS}}}",
     'spec.topicPattern: "a(" is no regular expression: missing ), unterminated subpattern at '
     "position 1; correct it, for example orders[.].*"),
    ("KafkaTrigger", f"{{topic: a, {FEEDS}, startFrom: timestamp}}",
     'spec.startTime: is missing; timestamp needs it; add startTime: "2026-01-31T12:00:00Z"'),
    ("KafkaTrigger", f"{{topic: a, {FEEDS}, startTime: '2026-01-31T12:00:00Z'}}",
     "spec.startTime: goes with startFrom timestamp alone; "
     "remove it, or write startFrom: timestamp"),
    ("KafkaTrigger", f"{{topic: a, {FEEDS}, brokers: [kafka]}}",
     'spec.brokers[0]: "kafka" is not a broker; write host:port, for example kafka:9092'),
    ("KafkaTrigger", f"{{topic: a, {FEEDS}, brokers: ['kafka:99999']}}",
     'spec.brokers[0]: "kafka:99999" has no such port; '
     "write a port from 1 to 65535, for example kafka:9092"),
    ("KafkaTrigger", f"{{topic: a, {FEEDS}, delivery: {{deadLetter: {{kafka: a}}}}}}",
     'spec.delivery.deadLetter: is what this trigger itself feeds on; '
     "send dead letters to another place, or they come back as events"),
    ("KafkaTrigger", "{topic: a, functionSelector: {matchExpressions: [{key: k, operator: In}]}}",
     "spec.functionSelector.matchExpressions[0].values: is empty, which In and NotIn do not take; "
     "list at least one"),
    ("NATSTrigger", f"{{topic: a..b, {FEEDS}}}", 'spec.topic: "a..b" is not a NATS subject; '
     "separate non-empty words by single dots, for example orders.created"),
    ("NATSTrigger", f"{{topic: a.>.b, {FEEDS}}}", 'spec.topic: "a.>.b" has a > that is not its '
     "last word; let > stand last and alone, as in orders.>"),
    ("NATSTrigger", f"{{topic: a.b*, {FEEDS}}}", 'spec.topic: "a.b*" has a * inside a word; '
     "let * stand for a whole word, as in orders.*"),
    ("NATSTrigger", f"{{topic: a.>, {FEEDS}, delivery: {{deadLetter: {{nats: a.dead}}}}}}",
     'spec.delivery.deadLetter: is what this trigger itself feeds on; '
     "send dead letters to another place, or they come back as events"),
    ("NATSTrigger", f"{{topic: a, {FEEDS}, url: 'nats://joe:hunter2@x'}}",
     "spec.url: holds credentials; remove them and put them into a Secret"),
    ("NATSTrigger", f"{{topic: a, {FEEDS}, secret: 'My Password'}}",
     "spec.secret: is not the name of a Secret; "
     "write the name of a Secret of this namespace, never the secret itself"),
    ("NATSTrigger", f"{{topic: a, {FEEDS}, jetstream: {{deliverPolicy: byStartTime}}}}",
     "spec.jetstream.startTime: is missing; "
     'byStartTime needs it; add startTime: "2026-01-31T12:00:00Z"'),
    ("NATSTrigger", f"{{topic: a, {FEEDS}, jetstream: {{startSequence: 5}}}}",
     "spec.jetstream.startSequence: goes with deliverPolicy byStartSequence alone; "
     "remove it, or write deliverPolicy: byStartSequence"),
    ("NATSTrigger", f"{{topic: a, {FEEDS}, jetstream: {{durable: a.b}}}}",
     'spec.jetstream.durable: "a.b" is not a name that JetStream takes; '
     "leave out dots, stars, >, slashes and spaces"),
    ("NATSTrigger", f"{{topic: a, {FEEDS}, jetstream: {{deliverPolicy: byStartTime, "
     "startTime: yesterday}}", 'spec.jetstream.startTime: "yesterday" is not a point in time; '
     "write RFC 3339 with a zone, for example 2026-01-31T12:00:00Z"),
    ("NATSTrigger", f"{{topic: a, {FEEDS}, jetstream: {{createStream: true}}}}",
     "spec.jetstream.stream: is missing; name the stream that createStream makes"),
    ("CronJobTrigger", f"{{{CRON}, delivery: {{deadLetter: {{function: f}}}}}}",
     'spec.delivery.deadLetter: is what this trigger itself feeds on; '
     "send dead letters to another place, or they come back as events"),
    ("KinesisTrigger", "{function-name: f, stream: s, aws-region: eu-west-1, "
     "delivery: {deadLetter: {function: f}}}",
     'spec.delivery.deadLetter: is what this trigger itself feeds on; '
     "send dead letters to another place, or they come back as events"),
    ("KafkaTrigger", f"{{topic: a, {FEEDS}, brokers: ['joe:hunter2@kafka:9092']}}",
     "spec.brokers[0]: holds credentials; remove them and put them into a Secret"),
    ("KafkaTrigger", "{topic: a, functionSelector: {matchExpressions: "
     "[{key: k, operator: Exists, values: [a]}]}}", "spec.functionSelector.matchExpressions[0]"
     ".values: does not go with Exists and DoesNotExist; remove it"),
    ("KafkaTrigger", f"{{topic: {'a' * 300}, {FEEDS}}}", f'spec.topic: "{"a" * 45}..." is not a '
     "Kafka topic name; use letters, digits, dots, dashes and underscores, at most 249"),
    ("HTTPTrigger", f"{{function-name: f, path: {'a' * 3000}}}",
     "spec.path: is longer than 2048 characters; shorten it"),
    ("HTTPTrigger", "{function-name: f, bodyLimit: 0}",
     "spec.bodyLimit: a size of 0 holds nothing; write for example 1Mi"),
    ("HTTPTrigger", "[a]", "spec: a list is not a mapping; "
     "write its fields as name: value below it"),
    ("NATSTrigger", f"{{topic: a, {FEEDS}, url: 'nats://x:port'}}",
     "spec.url: is not an URL with the scheme nats or tls or ws or wss; "
     "write for example nats://example.com:8080"),
    ("KinesisTrigger", "{function-name: f, stream: s, aws-region: eu-west-1, "
     "startingPosition: AT_TIMESTAMP}", "spec.startingTime: is missing; AT_TIMESTAMP needs it; "
     'add startingTime: "2026-01-31T12:00:00Z"'),
    ("KinesisTrigger", "{function-name: f, stream: s, aws-region: eu-west-1, "
     "startingTime: '2026-01-31T12:00:00Z'}", "spec.startingTime: goes with "
     "startingPosition AT_TIMESTAMP alone; remove it, or write startingPosition: AT_TIMESTAMP"),
    ("KinesisTrigger", "{function-name: f, stream: s, aws-region: eu-west-1, leaseTable: a/b}",
     'spec.leaseTable: "a/b" is not a DynamoDB table name; '
     "use letters, digits, dots, dashes and underscores, from 3 to 255"),
    ("KinesisTrigger", "{function-name: f, stream: s, aws-region: Ireland}",
     'spec.aws-region: "Ireland" is not a region; write for example eu-west-1'),
    ("KinesisTrigger", "{function-name: f, stream: s, aws-region: eu-west-1, endpoint: here}",
     "spec.endpoint: is not an URL with the scheme http or https; "
     "write for example http://example.com:8080"),
]  # fmt: skip

FUNCTION_MISTAKES = [
    ("helloget.foo", "hello",
     'spec.handler: "hello" has no dot; write module.function, for example hello.main'),
    ("helloget.foo", "io.acme.Hello.main",
     'spec.handler: "io.acme.Hello.main" has more than one dot; '
     "write module.function; in a Java class name use _ for the dots of the package"),
    ("helloget.foo", "../x.main", 'spec.handler: "../x.main" has more than one dot; '
     "write module.function; in a Java class name use _ for the dots of the package"),
    ("  handler: helloget.foo\n", "",
     "spec.handler: is missing; add handler: module.function, for example hello.main"),
    ("  runtime: python3.8\n", "", "spec.runtime: is missing; add runtime, for example python3.11"),
    ("helloget.foo", "a/b.foo", 'spec.handler: "a/b.foo" is not module.function; '
     "use letters, digits, dashes and underscores on each side of the dot"),
    ("  function: |\n    def foo(event, context):\n        return \"hello world\"\n", "",
     "spec.function: is missing; add the source text under function, "
     "or an URL and function-content-type: url"),
    ("  labels: {created-by: kubeless, function: get-python}\n", "  labels: {a: true}\n",
     'metadata.labels.a: true is not text; quote it: "true"'),
    ("python3.8", "python", 'spec.runtime: "python" is not a runtime; '
     "write a language and a version, for example python3.11"),
    ("content-type: text", "content-type: base64+zp",
     'spec.function-content-type: "base64+zp" is not a content type; use '
     + "text, text+deps, base64, base64+deps, base64+zip, base64+zip+deps, base64+compressedtar, "
     "base64+compressedtar+deps, url, url+deps, url+zip, url+zip+deps, url+compressedtar or "
     "url+compressedtar+deps"),
    ("sha256:d2", "md5:d2", 'spec.checksum: "md5:d251999dcbfdeccec385606fd0aec385b214cfc74..." '
     "is not a checksum; write sha256: and 64 hexadecimal digits, or leave it out"),
    ('timeout: "180"', "timeout: 0",
     "spec.timeout: 0 leaves no time; write a duration above 0, for example 30s"),
    ('deps: ""', "deps: [a]", "spec.deps: a list is not text; write a text in quotes"),
    ('deps: ""', "deployment: big",
     'spec.deployment: "big" is not a mapping; write its fields as name: value below it'),
]  # fmt: skip
