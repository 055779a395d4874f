<?php

function handler($event, $context)
{
    return 'no end;
}
