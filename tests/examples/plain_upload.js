// An upload as a page writes it that knows the API from its description alone.

class MultipartUploader {
    constructor(apiUrl, token) {
        this.apiUrl = apiUrl;
        this.token = token;
    }

    async uploadFile(file, parentContentType = null, parentObjectId = null) {
        // 1. Calculate parts
        const partSize = 5 * 1024 * 1024; // 5MB
        const numParts = Math.ceil(file.size / partSize);

        // 2. Initiate upload
        const initResponse = await fetch(`${this.apiUrl}/v1/files/uploads`, {
            method: 'POST',
            headers: {
                'Authorization': `Bearer ${this.token}`,
                'Content-Type': 'application/json'
            },
            body: JSON.stringify({
                file_name: file.name,
                file_size: file.size,
                file_content_type: file.type,
                num_parts: numParts,
                part_size: partSize,
                parent_content_type: parentContentType,
                parent_object_id: parentObjectId
            })
        });

        const { id, upload_id, presigned_urls } = await initResponse.json();

        // 3. Upload parts to S3
        const parts = [];
        for (let i = 0; i < numParts; i++) {
            const start = i * partSize;
            const end = Math.min(start + partSize, file.size);
            const chunk = file.slice(start, end);

            const partResponse = await fetch(presigned_urls[i].url, {
                method: 'PUT',
                body: chunk
            });

            // Extract ETag (remove quotes)
            const etag = partResponse.headers.get('ETag').replace(/"/g, '');

            parts.push({
                part_number: i + 1,
                etag: etag
            });

            // Optional: Report progress
            const progress = ((i + 1) / numParts) * 100;
            console.log(`Upload progress: ${progress.toFixed(1)}%`);
        }

        // 4. Complete upload
        const completeResponse = await fetch(
            `${this.apiUrl}/v1/files/uploads/${id}/complete`,
            {
                method: 'POST',
                headers: {
                    'Authorization': `Bearer ${this.token}`,
                    'Content-Type': 'application/json'
                },
                body: JSON.stringify({ parts })
            }
        );

        return await completeResponse.json();
    }

    async abortUpload(uploadId) {
        await fetch(`${this.apiUrl}/v1/files/uploads/${uploadId}`, {
            method: 'DELETE',
            headers: {
                'Authorization': `Bearer ${this.token}`
            }
        });
    }
}

async function uploadPartsInParallel(presigned_urls, file, partSize) {
    // Upload all parts in parallel
    const uploadPromises = presigned_urls.map(async (urlData, index) => {
        const start = index * partSize;
        const end = Math.min(start + partSize, file.size);
        const chunk = file.slice(start, end);

        const response = await fetch(urlData.url, {
            method: 'PUT',
            body: chunk
        });

        return {
            part_number: index + 1,
            etag: response.headers.get('ETag').replace(/"/g, '')
        };
    });

    const parts = await Promise.all(uploadPromises);
    return parts;
}

async function uploadOneWithItsType(presigned_urls, chunk, file_content_type) {
    const presigned_url = presigned_urls[0].url;

    const response = await fetch(presigned_url, {
        method: 'PUT',
        body: chunk,
        headers: {
            'Content-Type': file_content_type
        }
    });

    // IMPORTANT: Save the ETag from response headers
    const etag = response.headers.get('ETag').replace(/"/g, '');
    return etag;
}
