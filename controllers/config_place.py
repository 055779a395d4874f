"""Where the configuration of all functions is."""

from __future__ import annotations

import logging

from controllers.kinds import OWN
from controllers.settings import ControllerSettings
from tidegate.kube.access import Access
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import Denied, Forbidden, NotFound
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS

logger = logging.getLogger(__name__)

NAMESPACE, NAME = "kubeless.io/namespace", "kubeless.io/config"
"""Annotations by which the definition of Functions said so to Kubeless."""

USUAL_NAME = "kubeless-config"
_DEFINITION = ObjectKey("", OWN["Function"].full_name)


def home_of(settings: ControllerSettings, access: Access) -> ObjectKey:
    """Return where the configuration is when nothing but the settings counts."""
    config = settings.config
    namespace = config.namespace or settings.lease.namespace or access.namespace
    return ObjectKey(namespace, config.name or USUAL_NAME)


async def config_place(
    client: KubeClient, settings: ControllerSettings, home: ObjectKey
) -> ObjectKey:
    """Return where it is: as the settings say, else as the definition does, else `home`.

    What the definition names and is not there does not count. Raises `KubeError`.
    """
    config = settings.config
    if (config.namespace and config.name) or settings.functions_namespace:
        return home
    said = await _annotations(client)
    place = ObjectKey(
        config.namespace or said.get(NAMESPACE) or home.namespace,
        config.name or said.get(NAME) or home.name,
    )
    if place != home and await client.find(CONFIG_MAPS, place) is None:
        logger.warning("ConfigMap %s: named by %s, and not there", place, _DEFINITION)
        return home
    return place


async def _annotations(client: KubeClient) -> dict[str, str]:
    try:
        definition = await client.get(CUSTOM_RESOURCE_DEFINITIONS, _DEFINITION)
    except NotFound:
        return {}
    except (Denied, Forbidden) as error:
        logger.warning("%s; its annotations do not count", error)
        return {}
    annotations: dict[str, str] = definition["metadata"].get("annotations") or {}
    return annotations
