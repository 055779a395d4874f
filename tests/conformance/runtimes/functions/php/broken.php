<?php

throw new InvalidArgumentException('the reason');
