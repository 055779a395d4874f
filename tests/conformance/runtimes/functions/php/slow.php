<?php

// A file that is not loaded before it is told.

while (!file_exists(getenv('LOAD_WHEN'))) {
    clearstatcache();
    usleep(10_000);
}

function echoed($event, $context)
{
    return 'hi';
}
