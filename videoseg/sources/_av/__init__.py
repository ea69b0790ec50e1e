"""Reading video with PyAV, in steps that its sources share."""
