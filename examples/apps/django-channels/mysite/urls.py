from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path


def first_page(request):
    return render(request, "room.html")


def health(request):
    return HttpResponse("1", content_type="text/plain")


urlpatterns = [path("", first_page), path("health", health)]
