"""The pages."""

from django.contrib.auth import views as auth_views
from django.urls import path
from testapp import views

urlpatterns = [
    path("", views.Posts.as_view(), name="posts"),
    path("posts/new", views.NewPost.as_view(), name="new-post"),
    path("posts/<int:pk>", views.PostPage.as_view(), name="post"),
    path("posts/<int:pk>/comments", views.NewComment.as_view(), name="new-comment"),
    path("attachments/<uuid:file_id>", views.attachment, name="attachment"),
    path("token", views.token, name="token"),
    path("login", auth_views.LoginView.as_view(template_name="testapp/login.html"), name="login"),
    path("logout", auth_views.LogoutView.as_view(), name="logout"),
]
