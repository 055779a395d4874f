<?php

// A file with a name that the standard library knows.

function handler($event, $context)
{
    $queue = new SplQueue();
    $queue->enqueue('1');
    return $queue->dequeue();
}
