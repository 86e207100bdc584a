"""Readers and writers of formats: packages, METS and PREMIS, identification. They judge nothing; they find facts."""
