"""What writers of video files share: one film with its times, tags and sound."""
