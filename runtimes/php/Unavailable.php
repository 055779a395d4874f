<?php

declare(strict_types=1);

namespace Tidegate;

/** The call cannot be taken now; the message is for the client, who may try again. */
final class Unavailable extends \Exception
{
}
