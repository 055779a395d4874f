<?php

declare(strict_types=1);

namespace Tidegate;

/** The body is not what its Content-Type says; the message is for the client. */
final class BadData extends \Exception
{
}
