"""S3: a tier in a bucket, by conditional puts, version ids and object lock. Import `storage.s3.tier` only where one is opened: boto3
takes a third of a second."""
