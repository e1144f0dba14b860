"""What `startproject` and Channels' tutorial write, as far as this app needs it."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# A secret of a gear's own: `rhc env set SECRET_KEY=...`
SECRET_KEY = os.environ.get("SECRET_KEY", "only for trying")
DEBUG = False
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = ["channels", "chat"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "mysite.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
WSGI_APPLICATION = "mysite.wsgi.application"
ASGI_APPLICATION = "mysite.asgi.application"

# In the memory of one process: several need channels_redis.
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
