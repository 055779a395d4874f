<?php

// What PHP has of its own: the suite's functions are the same in every language.

namespace Shop;

/** PSR-7's names. */
class Answer
{
    public function getStatusCode()
    {
        return 410;
    }

    public function getHeaders()
    {
        return ['X-Kind' => ['one', 'two']];
    }

    public function getBody()
    {
        return 'gone';
    }
}

function psr($event, $context)
{
    return new Answer();
}

function record($event, $context)
{
    return (object) ['status' => 410, 'body' => 'data'];
}

function closure($event, $context)
{
    return fn () => 1;
}

function request($event, $context)
{
    $request = $event->extensions->request;
    return [
        $request->getMethod(), $request->getHeaderLine('x-a'), $request->getQueryParams(),
        $request->getall('a'), $request->getParsedBody(), $request->getUri()->getPath(),
    ];
}

function descriptors($event, $context)
{
    return count(scandir('/proc/self/fd')) - 2;
}
