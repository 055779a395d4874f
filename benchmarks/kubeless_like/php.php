<?php

// The design of Kubeless's server for PHP: Slim 3 under php-fpm, behind nginx (php.sh) and a proxy
// (proxy.go). A worker forks for each call. The child answers it and goes on as a worker; the parent
// sleeps until the timeout is over, finished or not, and kills the child then. It logs nothing,
// which is in its favour. Debian's php-fpm is built without pcntl, so that fork comes from libc.

use Psr\Http\Message\ResponseInterface as Response;
use Psr\Http\Message\ServerRequestInterface as Request;

require 'Slim/autoload.php';

const TIMEOUT = 180;
const SIGKILL = 9; // a name of pcntl's

function context($event, $context)
{
    return json_encode($context);
}

function wait($event, $context)
{
    usleep(50_000);
    return 'awake';
}

function event(Request $request, Response $response)
{
    $text = $request->getBody()->getContents();
    $json = ($_SERVER['CONTENT_TYPE'] ?? '') === 'application/json';
    return (object) [
        'data' => $json ? json_decode($text) : $text,
        'event-id' => $_SERVER['HTTP_EVENT_ID'] ?? null,
        'event-type' => $_SERVER['HTTP_EVENT_TYPE'] ?? null,
        'event-time' => $_SERVER['HTTP_EVENT_TIME'] ?? null,
        'event-namespace' => $_SERVER['HTTP_EVENT_NAMESPACE'] ?? null,
        'extensions' => (object) ['request' => $request, 'response' => $response],
    ];
}

function call(Request $request, Response $response)
{
    set_time_limit(TIMEOUT);
    $child = FFI::cdef('int fork(void);')->fork();
    if ($child !== 0) {
        sleep(TIMEOUT);
        posix_kill($child, SIGKILL);
        return $response->withStatus(408);
    }
    $function = getenv('FUNC_HANDLER');
    $context = ['function-name' => $function, 'timeout' => (string) TIMEOUT, 'runtime' => 'php'];
    $response->getBody()->write($function(event($request, $response), (object) $context));
    return $response;
}

$app = new Slim\App();
$app->any('/', 'call');
$app->run();
