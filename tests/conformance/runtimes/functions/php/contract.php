<?php

// The functions that every language's contract suite runs, in PHP: what users write, good and bad
// on purpose.

use Tidegate\Response;

/** What the function was given, as JSON. `echo` is a word of the language. */
function echoed($event, $context)
{
    $request = $event->extensions->request;
    return [
        'data' => shown($event->data, $request->content_type),
        'event-id' => $event->{'event-id'},
        'event-type' => $event->{'event-type'},
        'event-time' => $event->{'event-time'},
        'event-namespace' => $event->{'event-namespace'},
        'cloudevent' => $event->cloudevent,
        'request' => [
            'method' => $request->method,
            'path' => $request->path,
            'query_string' => $request->query_string,
            'query' => (object) $request->query,
        ],
    ];
}

/** Bytes and a JSON string are both strings: the media type tells them apart. */
function shown($data, $type)
{
    if (preg_match('#^application/([a-z.]+\+)?json#i', $type)) {
        return ['json' => $data];
    }
    return ['bytes' => iconv('ISO-8859-1', 'UTF-8', $data)];
}

function context($event, $context)
{
    return $context;
}

/** An answer that can be returned and thrown. */
class Teapot extends Exception
{
    public $status = 418;
    public $headers = ['X-Kind' => 'teapot'];
    public $body = 'short and stout';
}

function shaped($event)
{
    $response = $event->extensions->response;
    $response->status = 201;
    $response->headers['X-Shaped'] = 'yes';
    $response->content_type = 'text/csv';
    return 'a,b';
}

function parts()
{
    yield 'one ';
    yield 'two';
}

function reply($event, $context)
{
    return match ($event->extensions->request->path) {
        '/text' => 'grüße',
        '/bytes' => "\x00\xff",
        '/object' => ['a' => [1, null, true]],
        '/list' => ['a', 1],
        '/number' => 42,
        '/false' => false,
        '/nothing' => null,
        '/status' => new Response('made', 201),
        '/status-headers' => new Response('', 302, ['Location' => '/elsewhere']),
        '/response' => new Teapot(),
        '/raised' => throw new Teapot(),
        '/shaped' => shaped($event),
        '/parts' => parts(),
        '/no-content' => new Response(null, 204),
        '/unwritable' => fopen('php://memory', 'r'),
        '/bad-header' => new Response('', 200, ['X-Bad' => "a\r\nSet-Cookie: b"]),
        '/bad-status' => new Response('', 99),
        '/large' => str_repeat('x', 3_000_000),
    };
}

$counter = 0;

function counted()
{
    global $counter;
    return ['count' => ++$counter, 'pid' => getmypid()];
}

function spin()
{
    while (true) {
    }
}

function swallow()
{
    while (true) {
        try {
            sleep(1_000_000);
        } catch (Throwable) {
        }
    }
}

function leak()
{
    static $kept = [];
    while (true) {
        $kept[] = str_repeat('x', 1_000_000);
    }
}

/** Start programs that go on, and leave them alone. */
function litter()
{
    static $kept = [];
    $pids = [];
    for ($count = 0; $count < 3; $count++) {
        $kept[] = $program = proc_open(['sleep', '1000'], [], $pipes);
        $pids[] = proc_get_status($program)['pid'];
    }
    return $pids;
}

function chatter()
{
    $line = str_repeat('x', 1000) . "\n";
    for ($count = 0; $count < 20_000; $count++) {
        echo $line;
    }
    return 'said';
}

/** Wait until the other party has come, too: only calls that run side by side meet. */
function meet($query)
{
    touch("$query[folder]/$query[me]");
    while (!file_exists("$query[folder]/$query[other]")) {
        clearstatcache();
        usleep(5000);
    }
    return 'met';
}

function endless()
{
    $part = str_repeat('x', 65536);
    while (true) {
        yield $part;
    }
}

function broken()
{
    yield 'one';
    throw new InvalidArgumentException('the reason');
}

function stuck()
{
    yield 'one';
    sleep(1_000_000);
}

function nap($query)
{
    try {
        touch($query['file']);
        usleep((int) ($query['seconds'] * 1e6));
    } finally {
        touch("$query[file].unwound");
    }
    return 'awake';
}

const ACTS = ['count', 'fail', 'spin'];

/** Do what the query says, as good and bad functions do. */
function act($event, $context)
{
    $query = $event->extensions->request->query;
    return match ($query['do']) {
        'count' => counted(),
        'fail' => throw new InvalidArgumentException('the reason'),
        'spin' => spin(),
        'sleep' => sleep(1_000_000),
        // Computes in C: no exception gets in.
        'block' => crypt('x', '$6$rounds=999999999$salt'),
        'swallow' => swallow(),
        'die' => exit(7),
        'crash' => posix_kill(getmypid(), SIGSEGV) && sleep(1),
        'fork' => pcntl_fork() ? 'the parent' : 'the child',
        'leak' => leak(),
        'litter' => litter(),
        'chatter' => chatter(),
        'meet' => meet($query),
        'endless' => endless(),
        'broken' => broken(),
        'stuck' => stuck(),
        'nap' => nap($query),
    };
}
