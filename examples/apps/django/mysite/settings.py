"""What `startproject` writes, as far as this app needs it."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# A secret of a gear's own: `rhc env set SECRET_KEY=...`
SECRET_KEY = os.environ.get("SECRET_KEY", "only for trying")
DEBUG = False
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = ["django.contrib.staticfiles", "mysite"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "mysite.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
WSGI_APPLICATION = "mysite.wsgi.application"

DATA_DIR = Path(os.environ.get("OPENSHIFT_DATA_DIR", BASE_DIR))
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA_DIR / "db.sqlite3"}}

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
