"""Large files in parts, by S3MultipartHandler."""
